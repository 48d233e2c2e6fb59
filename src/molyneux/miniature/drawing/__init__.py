"""Shapes and backgrounds of the miniature's world, drawn with Pillow."""
