"""How close an output comes to its reference: figures of merit, and tables of them."""

from srkit.evaluation.evaluate import evaluate
from srkit.evaluation.request import Asked
from srkit.evaluation.table import EvaluationRow, EvaluationTable

__all__ = ["Asked", "EvaluationRow", "EvaluationTable", "evaluate"]
