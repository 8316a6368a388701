"""The dashboard: pages, their JSON twins and the live floor, over the store. A coat: nothing is computed here."""
