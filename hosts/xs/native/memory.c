/*
 * XS memory management, unchanged, with its reports read: after each collection they tell what is
 * live, which nothing else does (peakChunksSize counts garbage up to the limit).
 */
#include "host.h"

static void observe(txMachine* the, txString format, ...);

/* fxShare counts aliases from 0, which is XS_NO_ID, and marks nothing as read-only: see root.c. */
#define fxShare fxShareOfXS
#define mxReport 1
#define fxReport observe
#include "xsMemory.c"
#undef fxReport
#undef fxShare

txHostStats gxStats;
int gxCollectOften = 0;

void statsReset(void)
{
	gxStats.peakChunkBytes = 0;
	gxStats.peakSlots = 0;
}

static void observe(txMachine* the, txString format, ...)
{
	if (!the->isDevice)
		return;
	/* currentChunksSize counts live bytes only right after a compaction. */
	if (!strncmp(format, "# Chunk collection", 18)) {
		gxStats.liveChunkBytes = the->currentChunksSize;
		if (gxStats.peakChunkBytes < the->currentChunksSize)
			gxStats.peakChunkBytes = the->currentChunksSize;
	}
	else if (!strncmp(format, "# Slot collection", 17)) {
		gxStats.collections++;
		gxStats.liveSlots = the->currentHeapCount;
		if (gxStats.peakSlots < the->currentHeapCount)
			gxStats.peakSlots = the->currentHeapCount;
	}
}
