"""Everything that asks a trained model: prediction, evaluation, explanation, extraction, comparison."""
