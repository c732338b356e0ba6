"""The statuses of orders, what platforms call them, and which count as sold."""

from __future__ import annotations

STATUSES = ("pending", "shipped", "delivered", "cancelled", "returned")
SYNONYMS = {
    "canceled": "cancelled",
    "completed": "delivered",
    "complete": "delivered",
    # Olist's.
    "created": "pending",
    "approved": "pending",
    "invoiced": "pending",
    "processing": "pending",
    "unavailable": "cancelled",
}
COUNTED = ("pending", "shipped", "delivered")
"""The orders that count as sold; what was cancelled or came back does not."""
