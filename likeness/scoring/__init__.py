"""Arithmetic on scores: measures and their intervals, calibration to bounded llrs, fusion per question, the decision table.

numpy and scipy only; scipy is imported where it is used. Names are loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from likeness.scoring.calibration import (
        Calibration,
        PavCalibration,
        PlattCalibration,
        calibration_from_dict,
    )
    from likeness.scoring.claims import claims_of, vouched_generation
    from likeness.scoring.covariates import COVARIATES, covariates_of
    from likeness.scoring.decision import Decision, DecisionThresholds, decide
    from likeness.scoring.domain import DomainGate
    from likeness.scoring.doubts import FaceFacts, face_facts, unusable
    from likeness.scoring.false_alarms import FalseAlarms, PersonAlarms, Rate, count_false_alarms
    from likeness.scoring.file_fusion import FileCalibration, FileFusion, FusedEvidence
    from likeness.scoring.fusion import FusionSample, QuestionFusion
    from likeness.scoring.inputs import identity_weights, independent_identities
    from likeness.scoring.intervals import (
        Comparison,
        GroupLine,
        GroupsListed,
        Interval,
        bootstrap_groups,
        clopper_pearson,
        paired_bootstrap,
    )
    from likeness.scoring.metrics import (
        auc,
        aurc,
        average_precision,
        balanced_accuracy,
        brier,
        cllr,
        confident_accuracy,
        confident_share,
        coverage_at_risk,
        ece,
        eer,
        log_loss,
        min_cllr,
        probability_from_llr,
        risk_coverage,
        roc_curve,
        threshold_at_fpr,
        tpr_at_fpr,
    )
    from likeness.scoring.models import LinearModel, TreeEnsemble
    from likeness.scoring.sample import CalibrationSample, llr_bound
    from likeness.scoring.summary import MetricsReport, report_metrics
    from likeness.scoring.wording import verbal_scale

__all__ = [
    "COVARIATES",
    "Calibration",
    "CalibrationSample",
    "Comparison",
    "Decision",
    "DecisionThresholds",
    "DomainGate",
    "FaceFacts",
    "FalseAlarms",
    "FileCalibration",
    "FileFusion",
    "FusedEvidence",
    "FusionSample",
    "GroupLine",
    "GroupsListed",
    "Interval",
    "LinearModel",
    "MetricsReport",
    "PavCalibration",
    "PersonAlarms",
    "PlattCalibration",
    "QuestionFusion",
    "Rate",
    "TreeEnsemble",
    "auc",
    "aurc",
    "average_precision",
    "balanced_accuracy",
    "bootstrap_groups",
    "brier",
    "calibration_from_dict",
    "claims_of",
    "cllr",
    "clopper_pearson",
    "confident_accuracy",
    "confident_share",
    "count_false_alarms",
    "covariates_of",
    "coverage_at_risk",
    "decide",
    "ece",
    "eer",
    "face_facts",
    "identity_weights",
    "independent_identities",
    "llr_bound",
    "log_loss",
    "min_cllr",
    "paired_bootstrap",
    "probability_from_llr",
    "report_metrics",
    "risk_coverage",
    "roc_curve",
    "threshold_at_fpr",
    "tpr_at_fpr",
    "unusable",
    "verbal_scale",
    "vouched_generation",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from likeness.scoring import (
        calibration,
        claims,
        covariates,
        decision,
        domain,
        doubts,
        false_alarms,
        file_fusion,
        fusion,
        inputs,
        intervals,
        metrics,
        models,
        sample,
        summary,
        wording,
    )

    modules = (
        calibration,
        claims,
        covariates,
        decision,
        domain,
        doubts,
        false_alarms,
        file_fusion,
        fusion,
        inputs,
        intervals,
        metrics,
        models,
        sample,
        summary,
        wording,
    )
    home = next(module for module in modules if name in module.__all__)
    return getattr(home, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
