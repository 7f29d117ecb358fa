"""Patterns of paths."""

from __future__ import annotations

import pytest

from farm.engine.globs import matches


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/src/out/**", "src/out/a"),
        ("/src/out/**", "src/out/a/b/c"),
        ("/src/out/**", "src/out"),
        ("**/junit*.xml", "junit.xml"),
        ("**/junit*.xml", "a/b/junit-1.xml"),
        ("/a/**/b", "a/b"),
        ("/a/**/b", "a/x/y/b"),
        ("**/**/b", "b"),
        ("/a/[0-9]?.log", "a/1x.log"),
        ("/a/[!0-9].log", "a/x.log"),
        ("/a/[]].log", "a/].log"),
        ("/a/[x", "a/[x"),
        ("/a/*", "a/.hidden"),
        ("/a/*", "a/new\nline"),
    ],
)
def test_matches(pattern, path):
    assert matches(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/src/out/*", "src/out/a/b"),
        ("/src/out/**", "src/output"),
        ("/a/**/b", "a/bb"),
        ("*.xml", "a/b.xml"),
        ("/a/[!0-9].log", "a/1.log"),
        ("/a", "a/b"),
        ("/a/[b-a]", "a/b"),
        ("/a/b", "a"),
    ],
)
def test_does_not_match(pattern, path):
    assert not matches(pattern, path)
