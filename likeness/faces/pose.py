"""Head pose in degrees: the rotation that takes a plain 3-D face to the landmarks (`solvePnP`).

The 3-D face is the mean, made symmetric, of the mesh over 246 faces that a generator invented (so nobody's), scaled to
a distance of 63 mm between the eye centres. Its axes are the image's: x to the right, y down, z away from the camera.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from likeness.faces.geometry import eye_distance_px
from likeness.types import DoubleArray, FloatArray

EYE_DISTANCE_MM = 63.0
_NEAREST_MM = (
    500.0  # nobody is filmed from nearer; keeps a crop from being taken for a wide-angle picture
)

# Points that expressions hardly move: eye corners, nose, cheeks, forehead, temples. Upright = the top of the forehead and
# the chin are equally far away.
_POINTS: dict[int, tuple[float, float, float]] = {
    33: (-45.4, -0.6, 2.8),
    133: (-17.6, 0.6, -2.8),
    362: (17.6, 0.6, -2.8),
    263: (45.4, -0.6, 2.8),
    168: (0.0, -6.9, -20.3),
    6: (0.0, 0.5, -25.6),
    197: (0.0, 7.4, -31.3),
    4: (0.0, 29.2, -47.3),
    2: (0.0, 43.8, -29.9),
    98: (-19.6, 41.1, -21.1),
    327: (19.6, 41.1, -21.1),
    117: (-54.1, 15.7, 1.8),
    346: (54.1, 15.7, 1.8),
    50: (-52.0, 31.1, -5.8),
    280: (52.0, 31.1, -5.8),
    9: (0.0, -23.1, -20.7),
    10: (0.0, -57.0, -11.7),
    103: (-51.1, -45.2, 8.0),
    332: (51.1, -45.2, 8.0),
    127: (-72.0, 9.9, 53.5),
    356: (72.0, 9.9, 53.5),
}


def model_points_mm() -> tuple[list[int], DoubleArray]:
    """Landmark indices and their (K, 3) places on the 3-D face in millimetres."""
    return list(_POINTS), np.array(list(_POINTS.values()), np.float64)


def camera_matrix(size_wh: tuple[int, int], eye_px: float) -> DoubleArray:
    """(3, 3) pinhole camera: focal length of an ordinary lens, or longer where the face would else be too near."""
    focal = max(1.2 * max(size_wh), eye_px * _NEAREST_MM / EYE_DISTANCE_MM)
    return np.array(
        [[focal, 0, (size_wh[0] - 1) / 2], [0, focal, (size_wh[1] - 1) / 2], [0, 0, 1.0]]
    )


def head_pose_deg(landmarks_px: npt.NDArray[np.floating], size_wh: tuple[int, int]) -> FloatArray:
    """Yaw, pitch and roll of each of N faces.

    Args:
        landmarks_px: (N, 478, 2) in frame pixels.
        size_wh: size of the frame that they lie in.

    Returns:
        (N, 3) float32 degrees: positive yaw = the face turns to the image's right, positive pitch = it looks up,
        positive roll = it leans clockwise in the image. Relative to the line of sight to the face. Zeros where
        no rotation fits.
    """
    points = np.reshape(np.asarray(landmarks_px, np.float64), (-1, 478, 2))
    poses = [_one_pose(p, size_wh) for p in points]
    return np.array(poses, np.float32).reshape(-1, 3)


def fit_pose(
    points_px: DoubleArray, model_mm: DoubleArray, camera: DoubleArray
) -> tuple[DoubleArray, DoubleArray] | None:
    """Rotation and place of a rigid body from what a camera sees of it (SQPnP, Terzakis and Lourakis 2020).

    Args:
        points_px: (K, 2) float64 where its points lie in the picture; at least 4.
        model_mm: (K, 3) float64 where they lie on the body, such as rows of `model_points_mm`.
        camera: (3, 3) see `camera_matrix`.

    Returns:
        (3, 3) rotation from the body to the camera and (3,) place of its origin in millimetres; None where no
        rotation fits.
    """
    import cv2

    image = np.ascontiguousarray(points_px)
    try:
        fits, turn, shift = cv2.solvePnP(
            model_mm, image, camera, np.zeros(4), flags=cv2.SOLVEPNP_SQPNP
        )
    except cv2.error:  # all points in one place
        return None
    if not fits:
        return None
    return np.asarray(cv2.Rodrigues(turn)[0], np.float64), np.asarray(shift, np.float64).ravel()


def _one_pose(points: DoubleArray, size_wh: tuple[int, int]) -> tuple[float, float, float]:
    indices, model = model_points_mm()
    camera = camera_matrix(size_wh, float(eye_distance_px(points)))
    found = fit_pose(points[indices], model, camera)
    if found is None:
        return (0.0, 0.0, 0.0)
    rotation, shift = found
    return angles_deg(_seen_from_the_face(shift).T @ rotation)


def _seen_from_the_face(shift: DoubleArray) -> DoubleArray:
    """(3, 3) rotation that takes the optical axis to the line of sight, so that a face at the edge is not turned."""
    sight = shift / max(float(np.linalg.norm(shift)), 1e-9)
    right = np.cross([0.0, 1.0, 0.0], sight)
    right /= max(float(np.linalg.norm(right)), 1e-9)
    return np.stack([right, np.cross(sight, right), sight], axis=1)


def angles_deg(rotation: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Yaw, pitch, roll of a (3, 3) rotation R = R_y R_x R_z from the 3-D face to the camera."""
    yaw = np.arctan2(-rotation[0, 2], rotation[2, 2])
    pitch = np.arcsin(np.clip(rotation[1, 2], -1.0, 1.0))
    roll = np.arctan2(rotation[1, 0], rotation[1, 1])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))


def rotation_of(yaw_deg: float, pitch_deg: float, roll_deg: float) -> npt.NDArray[np.float64]:
    """(3, 3) rotation with these angles; the inverse of `angles_deg`."""
    y, x, z = np.radians([-yaw_deg, -pitch_deg, roll_deg])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    return np.asarray(about_y @ about_x @ about_z)
