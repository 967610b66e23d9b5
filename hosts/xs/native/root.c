/*
 * The root machine becomes read-only, as Moddable's linker makes it: built-ins and functions are
 * frozen, objects that stay mutable get an alias (copied to RAM at the first write), and values that
 * point into the root say so, that a collection of the device machine leaves them alone.
 */
#include "host.h"

static void freezeInstance(txSlot* instance)
{
	instance->flag |= XS_DONT_PATCH_FLAG;
	for (txSlot* property = instance->next; property; property = property->next) {
		if (property->kind != XS_ACCESSOR_KIND)
			property->flag |= XS_DONT_SET_FLAG;
		/* On internal slots this bit means something else. */
		if (!(property->flag & XS_INTERNAL_FLAG))
			property->flag |= XS_DONT_DELETE_FLAG;
		if (property->kind == XS_ARRAY_KIND && property->value.array.address) {
			txSlot* item = property->value.array.address;
			txIndex count = fxGetIndexSize(NULL, property);
			while (count--) {
				if (item->kind != XS_ACCESSOR_KIND)
					item->flag |= XS_DONT_SET_FLAG;
				item->flag |= XS_DONT_DELETE_FLAG;
				item++;
			}
		}
	}
}

typedef void (*txInstanceVisitor)(txSlot* instance);

static void eachInstance(txMachine* the, txInstanceVisitor visit)
{
	for (txSlot* heap = the->firstHeap; heap; heap = heap->next)
		for (txSlot* slot = heap + 1; slot < heap->value.reference; slot++)
			if (slot->kind == XS_INSTANCE_KIND)
				(*visit)(slot);
}

/* Called before any module is loaded: all instances there are, are built-ins. */
void rootMarkBuiltIns(txMachine* the)
{
	fxCollectGarbage(the);
	eachInstance(the, freezeInstance);
	/* These are XS's own lists, which grow while modules are loaded. */
	mxProgram.value.reference->flag &= ~XS_DONT_PATCH_FLAG;
	txSlot* realm = mxModuleInstanceInternal(mxProgram.value.reference)->value.module.realm;
	txSlot* lists[] = { &mxModuleQueue, &mxUnhandledPromises, &mxDuringJobs, &mxPendingJobs,
		&mxRunningJobs, &mxFinalizationRegistries, mxOwnModules(realm), mxRealmClosures(realm),
		mxRealmTemplateCache(realm) };
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		if (lists[i]->kind == XS_REFERENCE_KIND) {
			txSlot* instance = lists[i]->value.reference;
			instance->flag &= ~XS_DONT_PATCH_FLAG;
			for (txSlot* slot = instance->next; slot; slot = slot->next)
				slot->flag &= ~XS_DONT_SET_FLAG;
		}
	for (txSlot* slot = realm; slot; slot = slot->next)
		slot->flag &= ~XS_DONT_SET_FLAG;
}

/* What modules made: functions, their prototypes and everything whose content is not in slots. */
static void freezeMade(txSlot* instance)
{
	txSlot* first = instance->next;
	if (!first)
		return;
	if (mxIsFunction(instance)) {
		freezeInstance(instance);
		for (txSlot* property = first; property; property = property->next)
			if (property->ID == mxID(_prototype) && property->kind == XS_REFERENCE_KIND)
				freezeInstance(property->value.reference);
		return;
	}
	switch (first->kind) {
	case XS_ARRAY_BUFFER_KIND:
	case XS_DATA_VIEW_KIND:
	case XS_DATE_KIND:
	case XS_MAP_KIND:
	case XS_MODULE_KIND:
	case XS_PROMISE_KIND:
	case XS_PROXY_KIND:
	case XS_REGEXP_KIND:
	case XS_SET_KIND:
	case XS_TYPED_ARRAY_KIND:
	case XS_WEAK_MAP_KIND:
	case XS_WEAK_SET_KIND:
		freezeInstance(instance);
		break;
	default:
		/* Environments: their closures have aliases of their own. */
		if ((first->flag & XS_INTERNAL_FLAG) && first->ID == XS_ENVIRONMENT_BEHAVIOR)
			freezeInstance(instance);
		break;
	}
}

void rootFreeze(txMachine* the)
{
	/* The global object caches what is looked up; linked by xsl it is an ordinary object. */
	txSlot* global = mxGlobal.value.reference;
	if (global->next->kind == XS_GLOBAL_KIND) {
		global->next = global->next->next;
		global->flag &= ~XS_EXOTIC_FLAG;
	}
	eachInstance(the, freezeMade);
	freezeInstance(global);
}

static int isFrozen(txSlot* instance)
{
	if (!(instance->flag & XS_DONT_PATCH_FLAG))
		return 0;
	for (txSlot* property = instance->next; property; property = property->next) {
		if (property->kind == XS_ARRAY_KIND) {
			txSlot* item = property->value.array.address;
			txIndex count = item ? fxGetIndexSize(NULL, property) : 0;
			while (count--) {
				if (item->kind != XS_ACCESSOR_KIND && !(item->flag & XS_DONT_SET_FLAG))
					return 0;
				if (!(item->flag & XS_DONT_DELETE_FLAG))
					return 0;
				item++;
			}
		}
		else if (!(property->flag & XS_INTERNAL_FLAG)) {
			if (property->kind != XS_ACCESSOR_KIND && !(property->flag & XS_DONT_SET_FLAG))
				return 0;
			if (!(property->flag & XS_DONT_DELETE_FLAG))
				return 0;
		}
	}
	return 1;
}

/* Values of the root as the device machine meets them. */
static void toReadOnly(txSlot* slot)
{
	switch (slot->kind) {
	case XS_STRING_KIND: slot->kind = XS_STRING_X_KIND; break;
	case XS_BIGINT_KIND: slot->kind = XS_BIGINT_X_KIND; break;
	case XS_CODE_KIND: slot->kind = XS_CODE_X_KIND; break;
	case XS_CALLBACK_KIND: slot->kind = XS_CALLBACK_X_KIND; break;
	case XS_KEY_KIND: slot->kind = XS_KEY_X_KIND; break;
	case XS_ARRAY_KIND:
		if (slot->value.array.address) {
			txSlot* item = slot->value.array.address;
			txIndex count = fxGetIndexSize(NULL, slot);
			while (count--) {
				/*
				 * The linker of SDK 8.2 does not count these: it writes past its own memory, and the
				 * last BigInts of all modules are not in the firmware (xslSlot.c, fxPrepareHeap).
				 */
				if (item->kind == XS_BIGINT_KIND)
					hostFail("a preloaded array holds a BigInt: xsl cuts constants off");
				toReadOnly(item++);
			}
		}
		break;
	}
}

/* Called by fxShareMachine. */
void fxShare(txMachine* the)
{
	txID aliases = 0;
	for (txSlot* heap = the->firstHeap; heap; heap = heap->next)
		for (txSlot* slot = heap + 1; slot < heap->value.reference; slot++) {
			if (slot->kind == XS_INSTANCE_KIND)
				slot->ID = isFrozen(slot) ? XS_NO_ID : ++aliases;
			else if (slot->kind == XS_CLOSURE_KIND && slot->value.closure) {
				txSlot* closure = slot->value.closure;
				if (closure->flag & XS_DONT_SET_FLAG)
					closure->flag |= XS_DONT_DELETE_FLAG;
				else {
					if (closure->ID == XS_NO_ID)
						closure->ID = ++aliases;
					slot->flag &= ~XS_DONT_SET_FLAG;
				}
			}
			toReadOnly(slot);
			slot->flag |= XS_MARK_FLAG;
		}
	/* Number 0 says "no alias". */
	the->aliasCount = aliases + 1;
}
