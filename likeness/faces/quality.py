"""How much evidence a face can carry: size, sharpness, compression, visibility, and how open its eyes are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from likeness.faces import regions
from likeness.faces.compression import estimated_jpeg_quality
from likeness.faces.geometry import align_matrix, eye_distance_px, face_box, hull_mask, warp
from likeness.types import FaceQuality, FloatArray, ImageArray, check_array

_SHARPNESS_PX = 128
_OCCLUSION_PX = 48
_FAR_CHROMA = 32.0  # Cr/Cb steps: beyond make-up and shadow, short of a mask or a microphone


def face_quality(
    image: ImageArray,
    landmarks_px: npt.NDArray[np.floating],
    jpeg_quality: npt.NDArray[np.floating] | None = None,
) -> FaceQuality:
    """Measure N faces of one picture.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks_px: (N, 478, 2) in frame pixels.
        jpeg_quality: (N,) known or carried values; estimated from the pixels if None (the costly part).

    Returns:
        `FaceQuality` whose arrays have one entry per face.
    """
    check_array("image", image, (None, None, 3), np.uint8)
    faces = [np.asarray(p, np.float64) for p in landmarks_px]
    if jpeg_quality is None:
        jpeg_quality = np.array([estimated_jpeg_quality(image, face_box(p)) for p in faces])
    return FaceQuality(
        eye_distance_px=eye_distance_px(np.reshape(landmarks_px, (-1, 478, 2))).astype(np.float32),
        sharpness=np.array([sharpness(image, p) for p in faces], np.float32),
        jpeg_quality=np.asarray(jpeg_quality, np.float32),
        visible=np.array([visible_share(image, p) for p in faces], np.float32),
        eye_aspect_ratio=eye_aspect_ratio(np.reshape(landmarks_px, (-1, 478, 2))),
    )


def eye_aspect_ratio(landmarks_px: npt.NDArray[np.floating]) -> FloatArray:
    """(N, 2) float32 opening over width of the right and left eye of (N, 478, 2) landmarks.

    Soukupova and Cech 2016, "Real-Time Eye Blink Detection using Facial Landmarks".
    """
    ratios = []
    for group in (regions.RIGHT_EYE_EAR, regions.LEFT_EYE_EAR):
        p = np.asarray(landmarks_px, np.float64)[:, list(group)]
        height = np.linalg.norm(p[:, 1] - p[:, 5], axis=-1) + np.linalg.norm(
            p[:, 2] - p[:, 4], axis=-1
        )
        width = np.linalg.norm(p[:, 0] - p[:, 3], axis=-1)
        ratios.append(height / np.maximum(2.0 * width, 1e-6))
    return np.stack(ratios, axis=-1).astype(np.float32)


def sharpness(image: ImageArray, landmarks_px: npt.NDArray[np.floating]) -> float:
    """log10 variance of the Laplacian of the upright face, grey, at 128 px; about -2 where there is no detail."""
    import cv2

    matrix = align_matrix(landmarks_px, _SHARPNESS_PX, 0.0)
    crop = warp(image, matrix, _SHARPNESS_PX, "replicate", cubic=False)
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return float(np.log10(cv2.Laplacian(grey, cv2.CV_32F).var() + 0.01))


def visible_share(image: ImageArray, landmarks_px: npt.NDArray[np.floating]) -> float:
    """Share of the face oval that lies inside the frame and does not look like something else.

    The second part is a crude cue: pixels of the oval, eyes, brows and mouth excepted, whose chroma is far from the
    face's own median. It sees a coloured mask or a microphone, not a hand or a beard, and nothing in a grey picture.
    """
    import cv2

    points = np.asarray(landmarks_px, np.float64)
    height, width = image.shape[:2]
    box = face_box(points).astype(np.float64)
    scale = _OCCLUSION_PX / max(float((box[2:] - box[:2]).max()), 1.0)
    wh = np.maximum(np.ceil((box[2:] - box[:2]) * scale).astype(int), 1)
    small = (points - box[:2]) * scale
    oval = hull_mask(small[list(regions.FACE_OVAL)], (int(wh[0]), int(wh[1]))) > 0.5
    if not oval.any():
        return 0.0
    x = np.rint(np.arange(wh[0]) / scale + box[0]).astype(int)
    y = np.rint(np.arange(wh[1]) / scale + box[1]).astype(int)
    inside = ((x >= 0) & (x < width))[None] & ((y >= 0) & (y < height))[:, None]
    in_frame = float((oval & inside).sum() / oval.sum())
    skin = oval & inside
    for group in (
        regions.RIGHT_EYE + regions.RIGHT_BROW,
        regions.LEFT_EYE + regions.LEFT_BROW,
        regions.LIPS_OUTER,
    ):
        skin &= hull_mask(small[list(group)], (int(wh[0]), int(wh[1]))) < 0.1
    if skin.sum() < 20:
        return in_frame
    sampled = image[np.clip(y, 0, height - 1)[:, None], np.clip(x, 0, width - 1)[None]]
    chroma = cv2.cvtColor(sampled, cv2.COLOR_RGB2YCrCb)[..., 1:].astype(np.float32)[skin]
    far = np.linalg.norm(chroma - np.median(chroma, axis=0), axis=1) > _FAR_CHROMA
    return in_frame * float(1.0 - far.mean())
