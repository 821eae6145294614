"""Sphinx's settings for a course site.

Picture the bookbinder's order form: what is the same for every book is printed on it; the title
is written in by hand (`course.json`, which `labsim.course.site` puts beside this file). Nothing
here may ask for anything from outside the site.
"""

import json
from pathlib import Path

OWN = json.loads((Path(__file__).parent / "course.json").read_text(encoding="utf-8"))

project = html_title = html_short_title = OWN["title"]
release = version = OWN["version"]
language = "en"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode",
              "labsim.course.sphinx_extension"]
exclude_patterns = ["downloads"]
default_role = "py:obj"             # `name` in a docstring: a link, if there is such a thing
suppress_warnings = ["ref.obj"]     # ... and just a name, if there is none
autodoc_preserve_defaults = True    # no address of an object in memory
autodoc_member_order = "bysource"
viewcode_line_numbers = True

nb_execution_mode = "off"           # the notebooks come executed
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
html_math_renderer = "mathml"       # which browsers know; no script from outside

html_theme = "sphinx_book_theme"
html_static_path = ["_static"]
templates_path = ["_templates"]
html_css_files = ["colours.css", "labsim.css"]
html_js_files = ["labsim.js"]
html_favicon = "_static/favicon.svg"
html_copy_source = html_show_sourcelink = html_show_copyright = html_show_sphinx = False
html_last_updated_fmt = None        # the same bytes tomorrow
html_domain_indices = html_use_index = False
html_permalinks_icon = "#"
html_sidebars = {"**": ["home.html", "search-button-field.html", "sbt-sidebar-nav.html"]}
html_context = {"default_mode": "auto"}
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "home_page_in_toc": True,
    "collapse_navbar": True,        # other sections by name only: written out on
    # every page, they took a quarter of the time of a site
    "show_navbar_depth": 1,
    "max_navbar_depth": 2,
    "show_toc_level": 2,
    "search_bar_text": "Search this course",
    "toc_title": "On this page",
    "footer_content_items": [],
    "navigation_with_keys": False,
    "navbar_persistent": [],        # the search field is in the sidebar
    "logo": {"text": OWN["title"]},
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
