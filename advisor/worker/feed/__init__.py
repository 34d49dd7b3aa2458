"""What a model is called with: guesses, best first, and their mending by the error they meet."""
