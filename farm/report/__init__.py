"""Journal rows become reports: a page, a file for CI servers, one for programs, and words on a terminal."""
