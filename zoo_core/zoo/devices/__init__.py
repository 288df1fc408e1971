"""The devices that models are computed on, and how a model is placed on several of them."""

from __future__ import annotations

from zoo.devices.hardware import Device, configure, find_devices, list_devices, on

__all__ = ["Device", "configure", "find_devices", "list_devices", "on"]
