/* Stand-in for the header that ESP-IDF makes of the configuration: the test passes it by -D. */
#pragma once
