"""molyneux: which neurons put each word of a caption there."""
