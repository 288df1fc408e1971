"""Everything that uses a trained model: prediction, evaluation, explanation, feature extraction, comparison."""
