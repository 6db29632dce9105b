//! The page is part of the program: a binary without it would only be found out in a browser.

fn main() {
    let page = "../web/dist/index.html";
    println!("cargo::rerun-if-changed={page}");
    if !std::path::Path::new(page).exists() {
        println!(
            "cargo::error=the page is not built: run `make page` in the top folder first, or `make build`, which does"
        );
    }
}
