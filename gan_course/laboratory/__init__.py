"""The laboratory without its widget: runs that can be steered, rewound, forked, compared, saved and replayed."""
