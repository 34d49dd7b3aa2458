-- The configuration of the person in these tests: the plugin, and the options that a test gives.
vim.opt.runtimepath:prepend(os.getenv('ADVISOR_PLUGIN'))
-- Debian's parsers, also of a Neovim that was unpacked beside the system
vim.opt.runtimepath:append(vim.fn.fnamemodify(vim.env.VIMRUNTIME, ':h:h:h') .. '/lib/nvim')
vim.opt.swapfile = false
vim.opt.undolevels = 1000
local options = os.getenv('ADVISOR_OPTIONS')
if options ~= '' then
  require('advisor').setup(vim.json.decode(options))
end
