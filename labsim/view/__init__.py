"""Pictures of results and the widget explorer. Reads results; never reaches into a model."""

