"""Settings of Sphinx for `make docs`: Markdown pages (MyST) in the furo theme, built offline."""

from importlib.metadata import version as installed_version

project = "selfteach"
author = "the selfteach contributors"
version = release = installed_version("selfteach")

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
nitpicky = True

html_theme = "furo"
html_title = "selfteach"
html_copy_source = False
