/** A drawing as a file: with the looks that it has on the page, since the page's sheet does not come with it. */

const STYLES = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "stroke-opacity",
  "opacity", "paint-order", "font-family", "font-size", "font-weight", "text-anchor", "dominant-baseline", "visibility", "mix-blend-mode",
];

/** The drawing as text that any program for SVG shows. It must be on the page while this is called. */
export function svgText(drawing: SVGSVGElement): string {
  const copy = drawing.cloneNode(true) as SVGSVGElement;
  const originals = [drawing, ...drawing.querySelectorAll<SVGElement>("*")];
  const copies = [copy, ...copy.querySelectorAll<SVGElement>("*")];
  originals.forEach((original, index) => {
    const looks = getComputedStyle(original);
    const target = copies[index]!;
    for (const name of STYLES) {
      const value = looks.getPropertyValue(name);
      if (value !== "") target.setAttribute(name, value);
    }
    for (const name of ["class", "tabindex", "aria-label", "role"]) target.removeAttribute(name);
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return new XMLSerializer().serializeToString(copy);
}

/** The same as a picture, twice as fine as on the page. Fails where the browser cannot draw it. */
export async function pngOf(drawing: SVGSVGElement, ground: string): Promise<Blob> {
  const scale = 2;
  const { width, height } = drawing.viewBox.baseVal;
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svgText(drawing))}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil(width * scale);
  canvas.height = Math.ceil(height * scale);
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("no canvas");
  context.fillStyle = ground;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob === null ? reject(new Error("no picture")) : resolve(blob)), "image/png");
  });
}
