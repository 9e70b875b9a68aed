"""What the vectors of all platforms are made with. Shares nothing with Forebay's own code."""
