"""A language model that proposes sizes: asked within bounds, checked by code, never needed."""
