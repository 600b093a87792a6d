"""A synthetic region near Toruń: land, registers, deliveries and a county WFS, all made from a seed."""
