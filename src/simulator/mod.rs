//! An Amplitude Export API with planted faults and a truth endpoint.
