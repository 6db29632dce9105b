//! Bars of Unicode blocks, exact to an eighth of a column.

/// Eighths of a block, from one to seven.
const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const FULL: &str = "█";

/// A bar of `share` (0 to 1) of `width` columns. What is not nothing is seen, be it as the thinnest line.
pub fn bar(share: f64, width: usize) -> String {
    let share = share.clamp(0.0, 1.0);
    let eighths = (share * width as f64 * 8.0).round() as usize;
    let eighths = if share > 0.0 { eighths.max(1) } else { 0 };
    let mut bar = FULL.repeat(eighths / 8);
    bar.extend((eighths % 8).checked_sub(1).and_then(|at| EIGHTHS.get(at)));
    bar
}

const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A share (0 to 1) as a height; what is nothing is a dot, and only everything is the full height.
pub fn height(share: f64) -> char {
    let eighths = (share.clamp(0.0, 1.0) * HEIGHTS.len() as f64).floor() as usize;
    if share > 0.0 { HEIGHTS[eighths.clamp(1, HEIGHTS.len()) - 1] } else { '·' }
}

/// Counts as heights, one column each; what is nothing is a dot.
pub fn sparkline(counts: &[u64]) -> String {
    let most = counts.iter().copied().max().unwrap_or(0);
    let height = |count: u64| {
        let eighths = (count as f64 / most as f64 * HEIGHTS.len() as f64).ceil() as usize;
        HEIGHTS[eighths.clamp(1, HEIGHTS.len()) - 1]
    };
    counts.iter().map(|count| if *count == 0 { '·' } else { height(*count) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_heights_of_the_largest() {
        assert_eq!(sparkline(&[0, 1, 125, 126, 500, 999, 1000]), "·▁▁▂▄██");
        assert_eq!(
            (sparkline(&[]), sparkline(&[0, 0]), sparkline(&[3])),
            (String::new(), "··".to_owned(), "█".to_owned())
        );
    }

    #[test]
    fn shares_are_heights_of_everything() {
        assert_eq!([0.0, 0.001, 0.25, 0.5, 0.999, 1.0, 2.0].map(height), ['·', '▁', '▂', '▄', '▇', '█', '█']);
    }

    #[test]
    fn bars_are_exact_to_an_eighth() {
        let shares = [0.0, 0.000_1, 0.031_25, 0.5, 0.59, 0.999, 1.0, 7.0, f64::NAN];
        assert_eq!(shares.map(|share| bar(share, 4)), ["", "▏", "▏", "██", "██▍", "████", "████", "████", ""]);
        assert_eq!((0..=8).map(|n| bar(f64::from(n) / 8.0, 1)).collect::<String>(), "▏▎▍▌▋▊▉█");
    }
}
