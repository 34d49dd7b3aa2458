"""From what rules propose to findings: gains by re-estimate, one finding a place, what all of them save together."""
