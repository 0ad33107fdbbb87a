/* SPDX-License-Identifier: MIT
 * Version of the kernel, for people.
 */
#pragma once

#define AXOLOTL_VERSION "Axolotl 0.1.0"
