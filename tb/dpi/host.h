// Copyright 2026 the softmax-cosim authors
// SPDX-License-Identifier: Apache-2.0

/// What a design finds in the program that loads it.

#pragma once

#include <cstdint>

/// Simulation time in steps.
extern "C" uint64_t softmax_now;
