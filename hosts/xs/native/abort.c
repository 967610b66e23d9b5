/* How the machine goes down: who is told, in which order, and with what exit code. */
#include "host.h"

/* The reasons as the SDK's fxAbortString words them: its hook gets these. */
static const char* const gxAbortNames[] = { "debugger", "memory full", "JavaScript stack overflow",
	"fatal", "dead strip", "unhandled exception", "not enough keys", "too much computation",
	"unhandled rejection" };

static const char* abortName(int status)
{
	int count = sizeof(gxAbortNames) / sizeof(*gxAbortNames);
	return status >= 0 && status < count ? gxAbortNames[status] : "unknown";
}

/* The text of what was thrown: the message of an Error, "unknown" for anything else. */
static void exceptionText(txMachine* the, char* text, size_t size)
{
	snprintf(text, size, "unknown");
	mxTry(the) {
		txSlot* instance = mxException.kind == XS_REFERENCE_KIND ? mxException.value.reference : NULL;
		if (instance && instance->next && instance->next->kind == XS_ERROR_KIND) {
			mxPush(mxException);
			mxGetID(mxID(_message));
			snprintf(text, size, "%s", fxToString(the, the->stack));
			mxPop();
		}
	}
	mxCatch(the) {
	}
}

/* Who called whom, innermost first, with the slots that each call holds. */
static void printCalls(txMachine* the)
{
	txSlot* inner = the->stack;
	fprintf(stderr, "daruma-xs: stack overflow, %ld slots in use; innermost call first:\n",
		(long)(the->stackTop - the->stack));
	for (txSlot* frame = the->frame; frame; frame = frame->next) {
		txSlot* function = frame + 3;
		const char* name = "?";
		if (function->kind == XS_REFERENCE_KIND)
			for (txSlot* property = function->value.reference; property; property = property->next)
				if (property->ID == mxID(_name) && property->value.string &&
					(property->kind == XS_STRING_KIND || property->kind == XS_STRING_X_KIND))
					name = property->value.string;
		fprintf(stderr, "  %-24s %ld\n", name, (long)(frame + 5 - inner));
		inner = frame + 5;
	}
}

/*
 * Moddable's abortHook, as fxAbort of xsPlatform.c for ESP32 calls it: JavaScript may record why,
 * before the chip restarts. An abort within the hook calls it again: nothing here guards it.
 * Returns 1 when the hook returned false: the machine then goes on, in whatever state it is.
 */
static int callAbortHook(txMachine* the, const char* reason)
{
	volatile int isIgnored = 0;
	if (gxAbortHook.kind != XS_REFERENCE_KIND)
		return 0;
	fxBeginHost(the);
	mxPush(mxException);
	txSlot* exception = the->stack;
	mxException = mxUndefined;
	mxTry(the) {
		mxOverflow(-8);
		mxPush(mxGlobal);
		mxPushSlot(&gxAbortHook);
		mxCall();
		mxPushStringC((txString)reason);
		mxPushSlot(exception);
		mxRunCount(2);
		isIgnored = the->stack->kind == XS_BOOLEAN_KIND && !the->stack->value.boolean;
		mxPop();
	}
	mxCatch(the) {
	}
	fxEndHost(the);
	return isIgnored;
}

void fxAbort(txMachine* the, int status)
{
	/* What the board hears is why the machine went down first, whatever the hook did then. */
	static int cause = -1;
	static char text[256];
	txAnswer answer;
	int isFirst = cause < 0;
	if (isFirst) {
		if (status == XS_STACK_OVERFLOW_EXIT && the->isDevice)
			printCalls(the);
		cause = status;
		if (status == XS_UNHANDLED_EXCEPTION_EXIT || !the->isDevice)
			exceptionText(the, text, sizeof(text));
		else
			snprintf(text, sizeof(text), "%s", abortName(status));
	}
	if (!the->isDevice) {
		fprintf(stderr, "daruma-xs: preload: %s: %s\n", abortName(status), text);
		_exit(exitAbortBase + status);
	}
	if (status != XS_STACK_OVERFLOW_EXIT && status != XS_DEBUGGER_EXIT &&
		callAbortHook(the, abortName(status))) {
		if (isFirst)
			cause = -1;
		return;
	}
	if (gxHasBoard)
		boardRequest(operationAbort, cause, 0, text, (uint32_t)strlen(text), &answer);
	else
		fprintf(stderr, "daruma-xs: %s: %s\n", abortName(cause), text);
	fflush(stdout);
	_exit(exitAbortBase + cause);
}
