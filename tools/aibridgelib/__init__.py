# SPDX-License-Identifier: MIT
"""Host end of Axolotl's AI link (docs/spec/ailink.md)."""
