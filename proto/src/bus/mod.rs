//! Frames of the node-to-node bus.
