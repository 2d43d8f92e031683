"""The option tables of the real programs (qemu-server 8.4.10), without their prose."""
