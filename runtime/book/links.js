// mdBook takes every link to a Markdown file for one to a chapter. Those that lead out of the book, into the repository, stay
// links to the files, as they are in the chapters' text. They work where the book is built in its usual place.
for (const link of document.querySelectorAll('main a[href^="../"]')) {
    link.setAttribute('href', link.getAttribute('href').replace(/\.html(?=#|$)/, '.md'));
}
