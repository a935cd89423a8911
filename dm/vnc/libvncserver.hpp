// LibVNCServer's headers, which are C.
#pragma once

#include <rfb/rfb.h>

extern "C" {
#include <rfb/rfbregion.h>
}
