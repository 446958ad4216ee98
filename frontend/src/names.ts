// Names of our custom elements. They share one prefix, since a page has one registry for all cards.
export const CARD = "azure-realtime-audio-card";
export const BADGE = "azure-realtime-audio-badge";
export const ORB = "azure-realtime-audio-orb";
