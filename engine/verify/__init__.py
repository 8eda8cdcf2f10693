"""Judges files that are about to leave, or that somebody has on disk. Pure; trusts no byte."""

from engine.verify.check import check
from engine.verify.report import Finding, Kind, Report

__all__ = ["Finding", "Kind", "Report", "check"]
