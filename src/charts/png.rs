//! A picture in SVG as PNG, for mail programs, which show no SVG.

use resvg::tiny_skia::Pixmap;
use resvg::tiny_skia::Transform;
use resvg::usvg::Options;
use resvg::usvg::Tree;

/// How many dots a CSS pixel gets: sharp on a phone.
const RESOLUTION: f32 = 2.0;

/// The picture as PNG, at twice its size; `None` where it is none. The same picture makes the same bytes.
#[must_use]
pub fn png(svg: &str) -> Option<Vec<u8>> {
    let tree = Tree::from_str(svg, &Options::default()).ok()?;
    let size = tree.size().to_int_size().scale_by(RESOLUTION)?;
    let mut dots = Pixmap::new(size.width(), size.height())?;
    resvg::render(
        &tree,
        Transform::from_scale(RESOLUTION, RESOLUTION),
        &mut dots.as_mut(),
    );
    dots.encode_png().ok()
}
