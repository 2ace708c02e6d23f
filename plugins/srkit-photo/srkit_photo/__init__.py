"""Photographs for srkit."""
