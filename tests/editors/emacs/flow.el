;;; flow.el --- A person's steps in Emacs with eglot: findings are shown, and a quick fix is applied  -*- lexical-binding: t -*-

;; Run by ../test_emacs.py as `emacs -q --batch -l flow.el'; it writes what there was to see as JSON.

(package-initialize)
(require 'eglot)
(require 'flymake)

(defvar noted nil "What the assertions are about.")
(defvar seconds 60 "No wait takes so long.")

(defun note (name value)
  (push (cons name value) noted))

(defun wait-for (what ready)
  "Wait until READY returns something, which is returned; WHAT is waited for."
  (let ((end (+ (float-time) seconds)) found)
    (while (not (setq found (funcall ready)))
      (when (> (float-time) end)
        (error "Waited in vain for %s" what))
      (accept-process-output nil 0.1))
    found))

(defun findings ()
  "Line, column from 0, and text of each diagnostic, as flymake has them."
  (flymake-start)
  (vconcat (mapcar (lambda (found)
                     (save-excursion
                       (goto-char (flymake-diagnostic-beg found))
                       (vector (line-number-at-pos) (current-column) (flymake-diagnostic-text found))))
                   (flymake-diagnostics))))

(defun with-code (code)
  "The findings whose text contains CODE, nil without any."
  (seq-filter (lambda (found) (string-match-p (regexp-quote code) (aref found 2))) (findings)))

(defun titles (actions)
  "The titles of code actions as `eglot-code-actions' returns them."
  (mapcar (lambda (action) (plist-get (if (keywordp (car action)) action (cdr action)) :title))
          (append actions nil)))

(defun actions-here ()
  (ignore-errors ; that there are none is an error
    (titles (eglot-code-actions (point) (+ 2 (point)) nil nil))))

(defun choose (wanted)
  "Run the code action of that title, as a person does by its menu."
  (let ((last-nonmenu-event ?a)) ; else eglot opens a menu of the window system, which a batch has not
    (cl-letf (((symbol-function 'completing-read)
               (lambda (_prompt collection &rest _)
                 (car (seq-find (lambda (choice) (equal (car choice) wanted)) (append collection nil)))))
              ((symbol-function 'y-or-n-p) (lambda (&rest _) t)))
      (eglot-code-actions (point) (+ 2 (point)) nil t))))

(defun hover ()
  (let ((answer (jsonrpc-request (eglot--current-server-or-lose) :textDocument/hover
                                 (eglot--TextDocumentPositionParams))))
    (eglot--hover-info (plist-get answer :contents) (plist-get answer :range))))

(defun session ()
  (load (getenv "ADVISOR_SNIPPET")) ; what the documentation tells to put into init.el
  (setq eglot-sync-connect seconds eglot-autoshutdown nil eglot-send-changes-idle-time 0.1)
  (find-file (getenv "ADVISOR_FILE"))
  (python-mode)
  (call-interactively #'eglot)
  (flymake-mode 1)
  (wait-for "the finding" (lambda () (with-code "CHN101")))
  (note 'findings (findings))
  (goto-char (point-min))
  (search-forward "68")
  (backward-char 2)
  (note 'hover (substring-no-properties (hover)))
  (let* ((before (buffer-string))
         (fix (wait-for "a fix" (lambda ()
                                  (seq-find (lambda (title) (string-match-p "68 → 64" title)) (actions-here))))))
    (note 'titles (vconcat (actions-here)))
    (note 'chosen fix)
    (choose fix)
    (wait-for "the edit" (lambda () (not (equal (buffer-string) before))))
    (note 'fixed (buffer-substring-no-properties (point-min) (point-max)))
    (unless (string-match-p "Block(32, 64)" (buffer-string))
      (error "The fix wrote another width"))
    (eglot--signal-textDocument/didChange) ; Emacs does that when it is idle, which a batch never is
    (wait-for "the finding to go" (lambda () (not (with-code "CHN101"))))
    (note 'after (findings)))
  (eglot-shutdown (eglot--current-server-or-lose)))

(condition-case problem
    (session)
  (error (note 'problem (format "%S" problem))))
(with-temp-file (getenv "ADVISOR_REPORT")
  (set-buffer-file-coding-system 'utf-8)
  (insert (json-serialize noted)))
(kill-emacs (if (assq 'problem noted) 1 0))

;;; flow.el ends here
