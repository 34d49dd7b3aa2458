"""From measurements to predictors: networks, samples, journals, fits, validation. Nothing here runs at prediction."""
