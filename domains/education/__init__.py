"""Education: lectures, assignments and learning records on the shared engine."""

from domains.education.course import Course
from domains.education.lecture import Lecture

__all__ = ["Course", "Lecture"]
