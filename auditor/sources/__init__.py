"""Sources: each turns published bytes into observations, with citation and licence. They fetch and read; they do not weigh."""
