// The live edit of a served explorer. A static export has no model: without window.MOLYNEUX_LIVE nothing happens here.
"use strict";
