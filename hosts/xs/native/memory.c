/*
 * XS memory management, unchanged, with its reports read: after each collection they tell what is
 * live, which nothing else does (peakChunksSize counts garbage up to the limit).
 */
#include "host.h"

static void observe(txMachine* the, txFlag flags, const char* format);
/* Within fxCollect that is the name of its parameter; elsewhere it is this. */
static const txFlag theFlag = 0;

/* fxShare counts aliases from 0, which is XS_NO_ID, and marks nothing as read-only: see root.c. */
#define fxShare fxShareOfXS
#define mxReport 1
#define fxReport(the, format, ...) observe(the, theFlag, format)
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

static void observe(txMachine* the, txFlag flags, const char* format)
{
	if (!the->isDevice)
		return;
	/*
	 * XS says so also where it swept slots only, for want of them: currentChunksSize then still
	 * counts garbage. It is what lives right after chunks were compacted.
	 */
	if ((flags & XS_COMPACT_FLAG) && !strncmp(format, "# Chunk collection", 18)) {
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
