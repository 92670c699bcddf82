"""Named groups of the 478 landmarks (MediaPipe mesh order: 468 mesh points, then 10 iris points).

Right and left are the *subject's*: the right eye lies on the left of an unmirrored picture. Groups called a ring list a
closed outline in drawing order (clockwise in the image or counter-clockwise, never crossing itself), so they can be
filled; all others are plain sets whose convex hull is meant.

    >>> import numpy as np
    >>> from likeness.faces import regions
    >>> len(regions.FACE_OVAL), regions.FACE_OVAL[0]
    (36, 10)
    >>> landmarks_px = np.zeros((478, 2), np.float32)
    >>> landmarks_px[list(regions.LIPS_OUTER)].shape
    (20, 2)
"""

from __future__ import annotations

Group = tuple[int, ...]

# Ring: forehead top, down the subject's left side (image right), chin, up the right side.
FACE_OVAL: Group = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
JAW: Group = (
    454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132,
    93, 234,
)  # fmt: skip

# Rings: lid margins.
RIGHT_EYE: Group = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE: Group = (362, 382, 381, 380, 374, 373, 390, 249, 263, 466, 388, 387, 386, 385, 384, 398)
EYES: Group = RIGHT_EYE + LEFT_EYE
# Six points p1..p6 of Soukupova and Cech 2016: corner, two above, corner, two below.
RIGHT_EYE_EAR: Group = (33, 160, 158, 133, 153, 144)
LEFT_EYE_EAR: Group = (362, 385, 387, 263, 373, 380)
# Eye corners: outer, inner.
RIGHT_EYE_CORNERS: Group = (33, 133)
LEFT_EYE_CORNERS: Group = (263, 362)

# Centre, then four points of the iris edge.
RIGHT_IRIS: Group = (468, 469, 470, 471, 472)
LEFT_IRIS: Group = (473, 474, 475, 476, 477)
IRISES: Group = RIGHT_IRIS + LEFT_IRIS

# Rings: upper edge outwards-in, lower edge back.
RIGHT_BROW: Group = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW: Group = (336, 296, 334, 293, 300, 276, 283, 282, 295, 285)
BROWS: Group = RIGHT_BROW + LEFT_BROW

# Rings.
LIPS_OUTER: Group = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185,
)  # fmt: skip
LIPS_INNER: Group = (
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191,
)  # fmt: skip
LIPS: Group = LIPS_OUTER + LIPS_INNER

# Ring: between the eyes, down the subject's left side, under the tip, up the right side.
NOSE: Group = (168, 417, 351, 420, 358, 327, 326, 2, 97, 98, 129, 198, 122, 193)
NOSE_BRIDGE: Group = (168, 6, 197, 195, 5, 4)
NOSE_TIP: Group = (1,)

# Rings of skin with few features: where texture statistics of skin can be read.
RIGHT_CHEEK: Group = (117, 118, 119, 100, 142, 203, 206, 207, 187, 123)
LEFT_CHEEK: Group = (346, 347, 348, 329, 371, 423, 426, 427, 411, 352)
CHEEKS: Group = RIGHT_CHEEK + LEFT_CHEEK
FOREHEAD: Group = (
    54, 103, 67, 109, 10, 338, 297, 332, 284, 298, 333, 299, 337, 9, 108, 69, 104, 68,
)  # fmt: skip
CHIN: Group = (152, 148, 171, 32, 194, 182, 83, 18, 313, 406, 418, 262, 396, 377)

# The 68 points of the iBUG 300-W scheme, for hulls that the literature defines on them.
IBUG_68: Group = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301,
    168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,
    78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip

GROUPS: dict[str, Group] = {
    "face_oval": FACE_OVAL, "jaw": JAW, "right_eye": RIGHT_EYE, "left_eye": LEFT_EYE,
    "right_iris": RIGHT_IRIS, "left_iris": LEFT_IRIS, "right_brow": RIGHT_BROW,
    "left_brow": LEFT_BROW, "lips_outer": LIPS_OUTER, "lips_inner": LIPS_INNER, "nose": NOSE,
    "right_cheek": RIGHT_CHEEK, "left_cheek": LEFT_CHEEK, "forehead": FOREHEAD, "chin": CHIN,
}  # fmt: skip
