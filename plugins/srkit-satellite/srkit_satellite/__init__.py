"""Satellite and aerial rasters for srkit: the same scene, sharper, with its georeferencing."""
