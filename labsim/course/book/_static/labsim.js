// A page that is opened as a file may not read other files: then search shows titles without
// the sentences around the word, and asks for nothing that would fail.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
