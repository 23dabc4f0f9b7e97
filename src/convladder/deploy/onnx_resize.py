"""The first part of a bundle's graph: images of any size become the network's pixels.

It computes what `data.decoding.images.bring_to_form` has Pillow compute, to the last bit: bilinear,
with a triangle that is widened where images are reduced, coefficients of 22 bits after the point,
and whole numbers between the two passes
(https://github.com/python-pillow/Pillow/blob/main/src/libImaging/Resample.c). From Pillow 13 on,
images that are reduced far more in height than in width are off by one of 255 at most: it begins
with the other pass there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convladder.data.decoding.image_form import ImageForm

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 18
IR_VERSION = 9
PIXELS = "pixels"

# One side: its length in pixels and the part of it that is taken, in float32 as Pillow has it, to
# the weights (cells, pixels) of its pixels in each cell: whole numbers, of which 2 ** 22 make one.
_WEIGHTS = """
<opset_import: ["": 18], domain: "convladder">
weights (pixels, start, end, cells) => (whole)
{
  zero = Constant <value = double {0.0}> ()
  half = Constant <value = double {0.5}> ()
  one = Constant <value = double {1.0}> ()
  unit = Constant <value = double {4194304.0}> ()
  none = Constant <value = int64 {0}> ()
  step = Constant <value = int64 {1}> ()
  last = Constant <value = int64[1] {-1}> ()
  part = Sub (end, start)
  part_64 = Cast <to = 11> (part)
  start_64 = Cast <to = 11> (start)
  cells_64 = Cast <to = 11> (cells)
  pixels_64 = Cast <to = 11> (pixels)
  scale = Div (part_64, cells_64)
  reach = Max (scale, one)
  per_pixel = Div (one, reach)
  cell = Range (none, cells, step)
  cell_64 = Cast <to = 11> (cell)
  middle = Add (cell_64, half)
  offset = Mul (middle, scale)
  place = Add (start_64, offset)
  centre = Unsqueeze (place, last)
  left = Sub (centre, reach)
  left_half = Add (left, half)
  left_inside = Max (left_half, zero)
  first = Floor (left_inside)
  right = Add (centre, reach)
  right_half = Add (right, half)
  right_whole = Floor (right_half)
  behind = Min (right_whole, pixels_64)
  pixel = Range (none, pixels, step)
  pixel_64 = Cast <to = 11> (pixel)
  apart = Sub (pixel_64, centre)
  apart_half = Add (apart, half)
  apart_scaled = Mul (apart_half, per_pixel)
  distance = Abs (apart_scaled)
  height = Sub (one, distance)
  triangle = Max (height, zero)
  from_first = GreaterOrEqual (pixel_64, first)
  to_last = Less (pixel_64, behind)
  within = And (from_first, to_last)
  kept = Where (within, triangle, zero)
  total = ReduceSum <keepdims = 1> (kept, last)
  share = Div (kept, total)
  shifted = Mul (share, unit)
  raised = Add (shifted, half)
  whole = Floor (raised)
}
"""

# One pass: values (N, pixels, rest) and weights (cells, pixels) to whole values (N, cells, rest).
_PASS = """
<opset_import: ["": 18], domain: "convladder">
resampled (values, weights) => (whole)
{
  half = Constant <value = double {0.5}> ()
  unit = Constant <value = double {4194304.0}> ()
  top = Constant <value = double {255.0}> ()
  sum = MatMul (weights, values)
  scaled = Div (sum, unit)
  raised = Add (scaled, half)
  floor = Floor (raised)
  whole = Min (floor, top)
}
"""

_COLOURS = "seen = Identity (images)"
# As Pillow makes grey of colours: ITU-R 601-2 luma in whole numbers, of which 2 ** 16 make one.
_GREY = """
  luma = Constant <value = float[3] {19595.0, 38470.0, 7471.0}> ()
  colours = Constant <value = int64[1] {-1}> ()
  unit_16 = Constant <value = float {65536.0}> ()
  half_16 = Constant <value = float {32768.0}> ()
  bright = Cast <to = 1> (images)
  weighed = Mul (bright, luma)
  summed = ReduceSum <keepdims = 1> (weighed, colours)
  rounded = Add (summed, half_16)
  scaled = Div (rounded, unit_16)
  floored = Floor (scaled)
  seen = Cast <to = 2> (floored)
"""

_WHOLE_IMAGE = """
  left = Constant <value = float {0.0}> ()
  top = Constant <value = float {0.0}> ()
  right = Cast <to = 1> (width)
  bottom = Cast <to = 1> (height)
"""
_OF_FORM = """
  inner_width = Identity (form_width)
  inner_height = Identity (form_height)
"""
# Which part of the image is taken, and how large it becomes: as `ImageForm.inner_size` and
# `PIL.ImageOps.fit`.
_RESIZE = {
    "stretch": _WHOLE_IMAGE + _OF_FORM,
    "pad": _WHOLE_IMAGE
    + """
  scale_x = Div (form_width_64, width_64)
  scale_y = Div (form_height_64, height_64)
  scale = Min (scale_x, scale_y)
  exact_width = Mul (width_64, scale)
  exact_height = Mul (height_64, scale)
  rounded_width = Round (exact_width)
  rounded_height = Round (exact_height)
  whole_width = Cast <to = 7> (rounded_width)
  whole_height = Cast <to = 7> (rounded_height)
  one = Constant <value = int64 {1}> ()
  some_width = Max (whole_width, one)
  some_height = Max (whole_height, one)
  inner_width = Min (some_width, form_width)
  inner_height = Min (some_height, form_height)
""",
    "crop": _OF_FORM
    + """
  half = Constant <value = double {0.5}> ()
  ratio = Div (width_64, height_64)
  form_ratio = Div (form_width_64, form_height_64)
  is_wide = Greater (ratio, form_ratio)
  is_high = Less (ratio, form_ratio)
  cut_width = Mul (form_ratio, height_64)
  cut_height = Div (width_64, form_ratio)
  taken_width = Where (is_wide, cut_width, width_64)
  taken_height = Where (is_high, cut_height, height_64)
  spare_x = Sub (width_64, taken_width)
  spare_y = Sub (height_64, taken_height)
  left_64 = Mul (spare_x, half)
  top_64 = Mul (spare_y, half)
  right_64 = Add (left_64, taken_width)
  bottom_64 = Add (top_64, taken_height)
  left = Cast <to = 1> (left_64)
  top = Cast <to = 1> (top_64)
  right = Cast <to = 1> (right_64)
  bottom = Cast <to = 1> (bottom_64)
""",
}

_GRAPH = """
<ir_version: @ir_version, opset_import: ["": @opset, "convladder": 1]>
preprocessing (uint8[N, H, W, 3] images) => (float[N, @height, @width, @channels] @pixels)
{
  @seen
  sides = Shape (images)
  side_1 = Constant <value = int64 {1}> ()
  side_2 = Constant <value = int64 {2}> ()
  height = Gather (sides, side_1)
  width = Gather (sides, side_2)
  form_height = Constant <value = int64 {@height}> ()
  form_width = Constant <value = int64 {@width}> ()
  same_height = Equal (height, form_height)
  same_width = Equal (width, form_width)
  same = And (same_height, same_width)
  formed = If (same) <
    then_branch = as_it_is () => (uint8[N, @height, @width, @channels] kept)
    {
      kept = Identity (seen)
    },
    else_branch = resized () => (uint8[N, @height, @width, @channels] padded)
    {
      two = Constant <value = int64 {2}> ()
      none = Constant <value = int64[1] {0}> ()
      by_side = Constant <value = int64[3] {0, 0, -1}> ()
      by_cell = Constant <value = int64[4] {0, 0, -1, @channels}> ()
      background = Constant <value = uint8 {@background}> ()
      width_64 = Cast <to = 11> (width)
      height_64 = Cast <to = 11> (height)
      form_width_64 = Cast <to = 11> (form_width)
      form_height_64 = Cast <to = 11> (form_height)
      @resize
      across = convladder.weights (width, left, right, inner_width)
      down = convladder.weights (height, top, bottom, inner_height)
      values = Cast <to = 11> (seen)
      standing = Transpose <perm = [0, 2, 1, 3]> (values)
      columns = Reshape (standing, by_side)
      narrow = convladder.resampled (columns, across)
      narrow_cells = Reshape (narrow, by_cell)
      lying = Transpose <perm = [0, 2, 1, 3]> (narrow_cells)
      rows = Reshape (lying, by_side)
      low = convladder.resampled (rows, down)
      low_cells = Reshape (low, by_cell)
      inner = Cast <to = 2> (low_cells)
      spare_width = Sub (form_width, inner_width)
      spare_height = Sub (form_height, inner_height)
      before_x = Div (spare_width, two)
      before_y = Div (spare_height, two)
      after_x = Sub (spare_width, before_x)
      after_y = Sub (spare_height, before_y)
      pad_left = Unsqueeze (before_x, none)
      pad_top = Unsqueeze (before_y, none)
      pad_right = Unsqueeze (after_x, none)
      pad_bottom = Unsqueeze (after_y, none)
      pads = Concat <axis = 0> (none, pad_top, pad_left, none, none, pad_bottom, pad_right, none)
      padded = Pad (inner, pads, background)
    }
  >
  @pixels = Cast <to = 1> (formed)
}
"""


# docs/decisions/068-a-bundles-graph-begins-with-images-of-any-size.md
def build(form: ImageForm) -> ModelProto:
    """Return the graph from `images`, uint8 `(N, H, W, 3)`, to the network's `pixels`.

    These are float32 `(N, *form.shape)`, from 0 to 255.

    Images that have the form's size already are not touched.
    """
    from onnx import inliner, parser

    values = {
        "ir_version": IR_VERSION,
        "opset": OPSET,
        "seen": _GREY if form.channels == 1 else _COLOURS,
        "resize": _RESIZE[form.resize],
        "pixels": PIXELS,
        "height": form.height,
        "width": form.width,
        "channels": form.channels,
        "background": form.background,
    }
    text = _GRAPH
    for name, value in values.items():
        text = text.replace(f"@{name}", str(value))
    model = parser.parse_model(text)
    model.functions.extend(parser.parse_function(each) for each in (_WEIGHTS, _PASS))
    return inliner.inline_local_functions(model)
